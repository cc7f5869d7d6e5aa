import { sagaStatus } from '@reliable-ops/contracts';
import { badRequest } from '../problem.ts';
import type { SagaFilter } from './saga-search.ts';

const longestText = 2_000;

/** The query string of the list, as a form sends it: an empty field filters nothing. 400 names the field that is wrong. */
export function filterOf(query: Record<string, string>): SagaFilter {
  const given = (name: string): string | undefined => query[name] || undefined;
  const status = sagaStatus.optional().safeParse(given('status'));
  if (!status.success) throw badRequest('status', 'status: there is no such status');
  const stuck = given('stuck');
  if (stuck !== undefined && stuck !== 'true' && stuck !== 'false')
    throw badRequest('stuck', 'stuck: must be true or false');
  const before = given('before');
  if (before !== undefined && !/^\d{1,15}$/.test(before))
    throw badRequest('before', 'before: must be the id of a saga');
  const text = (name: string): string | undefined => {
    const value = given(name);
    if (value !== undefined && (value.length > longestText || value.includes('\0')))
      throw badRequest(name, `${name}: must have at most ${longestText} characters, and no NUL`);
    return value;
  };
  const [name, key] = [text('saga'), text('key')];
  return {
    ...(status.data === undefined ? {} : { status: status.data }),
    ...(name === undefined ? {} : { name }),
    ...(key === undefined ? {} : { key }),
    ...(stuck === undefined ? {} : { stuck: stuck === 'true' }),
    ...(before === undefined ? {} : { before: Number(before) }),
  };
}
