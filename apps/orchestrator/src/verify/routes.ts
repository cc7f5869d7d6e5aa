import {
  reconcileRequest,
  type VerifyLine,
  type VerifySummary,
  type ReconcileRequest,
} from '@reliable-ops/contracts';
import { findingsOf, type Verification } from '@reliable-ops/connector';
import type { Logger } from '@reliable-ops/runtime';
import { Hono } from 'hono';
import { jsonType, mediaTypeOf, parseJson, readText } from '../body.ts';
import { badRequest, problemErrorOf, unavailable } from '../problem.ts';
import { answerLines, jsonLinesHeaders } from './json-lines.ts';
import { reconcileCluster, secondsSince, type ReconcileParts } from './reconcile.ts';

/** Runs at once: each reads the whole log and every node. */
const mostRuns = 2;

export interface VerifyParts extends ReconcileParts {
  /** Begins to compare the cluster with the log; ends early when the signal is aborted. */
  verify(signal: AbortSignal): Verification;
  /** Aborted when the server stops: runs end then. */
  closing: AbortSignal;
  logger: Logger;
}

/** GET /v1/verify and POST /v1/reconcile: NDJSON, for as long as the client stays. */
export function verifyRoutes(parts: VerifyParts): Hono {
  let runs = 0;

  const answer = (linesOf: (run: Verification) => AsyncGenerator<object, void>) => {
    if (runs >= mostRuns)
      throw unavailable(
        'VERIFY_BUSY',
        `${runs} runs of verify or reconcile are under way: try again when one has ended`,
      );
    const gone = new AbortController();
    const run = parts.verify(AbortSignal.any([gone.signal, parts.closing]));
    runs++;
    return answerLines({
      lines: counted(linesOf(run)),
      beat: () => ({ type: 'progress', sagas: run.counts.sagas, groups: run.counts.groups }),
      abort: () => gone.abort(),
      explain(error) {
        const { status, code, message, cause } = problemErrorOf(error);
        if (status === 500) parts.logger.error({ err: cause }, 'unexpected error in verify');
        return { type: 'failed', code, detail: message };
      },
    });
  };

  async function* counted(lines: AsyncGenerator<object, void>): AsyncGenerator<object, void> {
    try {
      yield* lines;
    } catch (error) {
      if (!parts.closing.aborted) throw error;
      throw unavailable('STOPPING', 'the orchestrator stops: try again', error);
    } finally {
      runs--;
    }
  }

  return new Hono()
    .get('/v1/verify', ({ req }) =>
      // Nobody would read what HEAD began.
      req.method === 'HEAD'
        ? new Response(null, { headers: jsonLinesHeaders })
        : answer(tellFindings),
    )
    .post('/v1/reconcile', async (context) => {
      mediaTypeOf(context, [jsonType]);
      const asked = parseRequest(parseJson(await readText(context), 'body'));
      return answer((run) => reconcileCluster(run, parts, asked));
    });
}

async function* tellFindings(run: Verification): AsyncGenerator<VerifyLine, void> {
  const startedAt = performance.now();
  let findings = 0;
  for await (const event of run.events) {
    for (const finding of event.type === 'finding'
      ? [event.finding]
      : findingsOf(event.divergence)) {
      findings++;
      yield { type: 'finding', ...finding };
    }
  }
  const { counts, unreachable } = run;
  const consistent = findings > 0 ? false : unreachable.length > 0 ? null : true;
  const seconds = secondsSince(startedAt);
  const summary: VerifySummary = { consistent, ...counts, findings, unreachable, seconds };
  yield { type: 'summary', ...summary };
}

function parseRequest(body: unknown): ReconcileRequest {
  const parsed = reconcileRequest.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const path = issue.code === 'unrecognized_keys' ? [issue.keys[0]!] : issue.path;
  const field = path.join('.') || 'body';
  throw badRequest(field, `${field}: ${issue.message}`);
}
