-- Fences begin at the time in microseconds: a log made anew is ahead of every token that nodes have seen from an
-- older one, and fence / 1e6 is a fair ownership timestamp.
SELECT setval('saga.fences', floor(extract(epoch from clock_timestamp()) * 1000000)::bigint);
--> statement-breakpoint
INSERT INTO "saga"."incarnation" DEFAULT VALUES;
