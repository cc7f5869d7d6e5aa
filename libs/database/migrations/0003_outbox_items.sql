ALTER TABLE "saga"."outbox" ADD COLUMN "step" text;--> statement-breakpoint
ALTER TABLE "saga"."outbox" ADD COLUMN "phase" text;--> statement-breakpoint
ALTER TABLE "saga"."outbox" ADD COLUMN "attempt" integer;--> statement-breakpoint
ALTER TABLE "saga"."outbox" ADD COLUMN "items" jsonb;--> statement-breakpoint
-- What is owed goes into rows of the new form, with new ids: the jobs of the old ones have no row, and do nothing.
INSERT INTO "saga"."outbox" (id, participant, kind, commands, due_at, step, phase, attempt, items)
SELECT gen_random_uuid(), participant, kind, '[]', due_at, command ->> 'step', command ->> 'phase', (command ->> 'attempt')::int,
  jsonb_agg(jsonb_build_array(command -> 'sagaId', command -> 'key', command -> 'token' -> 0, command -> 'data'))
FROM "saga"."outbox", jsonb_array_elements(commands) AS command
GROUP BY id, participant, kind, due_at, 6, 7, 8;
--> statement-breakpoint
DELETE FROM "saga"."outbox" WHERE items IS NULL;
--> statement-breakpoint
ALTER TABLE "saga"."outbox" DROP COLUMN "commands";--> statement-breakpoint
ALTER TABLE "saga"."outbox" ALTER COLUMN "step" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "saga"."outbox" ALTER COLUMN "phase" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "saga"."outbox" ALTER COLUMN "attempt" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "saga"."outbox" ALTER COLUMN "items" SET NOT NULL;
--> statement-breakpoint
ALTER TABLE "saga"."lanes" SET (fillfactor = 50);
--> statement-breakpoint
ALTER TABLE "saga"."sagas" SET (fillfactor = 50);
