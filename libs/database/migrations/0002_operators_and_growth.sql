CREATE TABLE "saga"."pauses" (
	"participant" text PRIMARY KEY NOT NULL,
	"by" text NOT NULL,
	"note" text,
	"paused_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "saga"."watermarks" (
	"taken_at" timestamp (3) with time zone PRIMARY KEY NOT NULL,
	"fence" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "node01"."floor" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"fence" bigint DEFAULT 0 NOT NULL,
	"raised_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "node02"."floor" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"fence" bigint DEFAULT 0 NOT NULL,
	"raised_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "node03"."floor" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"fence" bigint DEFAULT 0 NOT NULL,
	"raised_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "saga"."sagas" ADD COLUMN "history" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
INSERT INTO "node01"."floor" DEFAULT VALUES;
--> statement-breakpoint
INSERT INTO "node02"."floor" DEFAULT VALUES;
--> statement-breakpoint
INSERT INTO "node03"."floor" DEFAULT VALUES;
