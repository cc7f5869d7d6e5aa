/**
 * The orchestrator's API, typed: every answer is checked by its contract, and what fails is one of six errors.
 *
 *     import { createClient, RefusedError } from '@reliable-ops/client';
 *
 *     const client = createClient({ url: 'http://127.0.0.1:3000', token: process.env.API_TOKEN });
 *     const id = await client.startSaga({ saga: 'create-group', input: { groupId: '5' } }, 'order-17');
 *     for await (const saga of client.followSaga(id)) console.log(saga.status, saga.steps);
 *
 * A call is repeated, under its Idempotency-Key, while the orchestrator is away or full: for `patienceMs`, a minute where
 * nobody says otherwise. Read first: client.ts.
 */
export * from './client.ts';
export * from './endpoint.ts';
export * from './errors.ts';
export { withoutType } from './lines.ts';
export { patienceMs, type TransportOptions } from './transport.ts';
