import { each, type Command, type Outcome, type Participant } from '@reliable-ops/saga';
import type { KyInstance } from 'ky';
import {
  groupData,
  kinds,
  ownershipTimestamp,
  restoredTimestamp,
  type GroupData,
} from './group-sagas.ts';
import { nodeJson } from './node-fetch.ts';
import { outcomeOfError, outcomeOfStatus } from './outcome.ts';

/** What the original answers to a create of what exists; any other 400 is a refusal. */
const existsMessage = 'Perhaps the object exists.';

export interface PlainNodeOptions {
  /** Calls at once; default 16. */
  concurrency?: number;
}

/**
 * A node that speaks only the original contract: one call a command. It keeps no tokens, so
 * - a record belongs to the saga whose timestamp it carries, and an undo of a create deletes only that;
 * - before a delete the before-image is read and committed (`look`); its undo puts a record back that the before-image
 *   knew, under a timestamp of its own.
 * It holds P1, P3 and P5 only as long as no request arrives after its time-out, and nobody else writes.
 */
export function createPlainNode(http: KyInstance, options: PlainNodeOptions = {}): Participant {
  const call = async (
    method: 'get' | 'post' | 'delete',
    { groupId }: GroupData,
    timestamp?: number,
  ): Promise<{ status: number; message: string }> => {
    const path = method === 'get' ? `v1/group/${encodeURIComponent(groupId)}` : 'v1/group';
    const headers = timestamp === undefined ? {} : { timestamp: String(timestamp) };
    const response = await http(path, {
      method,
      ...(method === 'get' ? {} : nodeJson({ groupId }, headers)),
    });
    return { status: response.status, message: messageOf(await response.text()) };
  };

  const handle = async (kind: string, { data, token }: Command): Promise<Outcome> => {
    const group = groupData.parse(data);
    const [fence] = token;
    const owner = ownershipTimestamp(fence);
    try {
      switch (kind) {
        case kinds.look: {
          const { status, message } = await call('get', group);
          if (status === 200) return { result: 'applied', output: { present: true } };
          if (status === 404) return { result: 'applied', output: { present: false } };
          return outcomeOfStatus(status, message);
        }
        case kinds.create: {
          const { status, message } = await call('post', group, owner);
          if (status === 201) return { result: 'applied', output: 'created' };
          // It was there, or it is ours from an attempt whose reply was lost; the node does not tell.
          if (status === 400 && message === existsMessage)
            return { result: 'applied', output: 'exists' };
          return outcomeOfStatus(status, message);
        }
        case kinds.delete: {
          const { status, message } = await call('delete', group);
          if (status === 200) return { result: 'applied', output: 'deleted' };
          if (status === 404)
            return { result: 'applied', output: group.before?.present ? 'deleted' : 'absent' };
          return outcomeOfStatus(status, message);
        }
        case kinds.undo:
          return group.change === 'create' ? await takeBack(group) : await putBack(group);
        default:
          return { result: 'rejected', error: `the plain protocol has no "${kind}"` };
      }
    } catch (error) {
      return outcomeOfError(error);
    }

    async function takeBack(created: GroupData): Promise<Outcome> {
      const { status, message } = await call('delete', created, owner);
      if (status === 200) return { result: 'applied', output: 'restored' };
      if (status === 404) return { result: 'applied', output: 'nothing' };
      return outcomeOfStatus(status, message);
    }

    async function putBack(deleted: GroupData): Promise<Outcome> {
      if (!deleted.before?.present) return { result: 'applied', output: 'nothing' };
      const { status, message } = await call('post', deleted, restoredTimestamp(fence));
      if (status === 201) return { result: 'applied', output: 'restored' };
      if (status === 400 && message === existsMessage)
        return { result: 'applied', output: 'nothing' };
      return outcomeOfStatus(status, message);
    }
  };

  return each(handle, { concurrency: options.concurrency ?? 16 });
}

/** `{"message","status"}` where it is one, else the text: a success answers plain text. */
function messageOf(text: string): string {
  const trimmed = text.trim();
  if (!trimmed.startsWith('{')) return trimmed.slice(0, 200);
  try {
    const body: unknown = JSON.parse(trimmed);
    if (typeof body === 'object' && body !== null && 'message' in body) return String(body.message);
  } catch {
    // Told as it stands.
  }
  return trimmed.slice(0, 200);
}
