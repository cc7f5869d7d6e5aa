ALTER TABLE "saga"."outbox" ALTER COLUMN "items" SET DATA TYPE json;--> statement-breakpoint
ALTER TABLE "saga"."sagas" ALTER COLUMN "input" SET DATA TYPE json;--> statement-breakpoint
ALTER TABLE "saga"."sagas" ALTER COLUMN "steps" SET DATA TYPE json;--> statement-breakpoint
ALTER TABLE "saga"."sagas" ALTER COLUMN "history" SET DATA TYPE json;--> statement-breakpoint
ALTER TABLE "saga"."sagas" ALTER COLUMN "history" SET DEFAULT '[]'::json;--> statement-breakpoint
-- Read once and gone within seconds: compressing it costs more than the pages.
ALTER TABLE "saga"."outbox" ALTER COLUMN "items" SET STORAGE EXTERNAL;
