/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { sagaStatuses } from '@reliable-ops/contracts';
import type { Saga } from '@reliable-ops/saga';
import type { SagaFilter, SagaPage } from './saga-search.ts';
import { durationText, Moment, StatusBadge, visibleText } from './words.tsx';

/** Sagas by what one is looking for, newest first. */
export function SagaList({
  filter,
  page,
  names,
  now,
}: {
  filter: SagaFilter;
  page: SagaPage;
  /** Of sagas that there are. */
  names: string[];
  now: number;
}) {
  const isFirst = filter.before === undefined;
  return (
    <>
      <h1 id="title">Sagas</h1>
      <Filter filter={filter} names={names} />
      <SagaTable sagas={page.sagas} now={now} caption={isFirst ? 'Newest first' : 'Older sagas'} />
      {page.sagas.length === 0 && !page.isCut ? (
        <p class="quiet" id="none">
          No saga fits.
        </p>
      ) : null}
      <nav class="pager" id="pager" aria-label="Pages">
        {isFirst ? null : <a href={addressOf({ ...filter, before: null })}>Newest</a>}
        {page.before === null ? (
          <span class="quiet">No older ones.</span>
        ) : (
          <a rel="next" href={addressOf({ ...filter, before: page.before })}>
            {page.isCut ? 'Look on' : 'Older'}
          </a>
        )}
        {page.isCut ? (
          <span class="quiet">{`Looked down to saga ${page.before}: few of them fit.`}</span>
        ) : null}
      </nav>
    </>
  );
}

const Filter = ({
  filter: { status, name, key, stuck },
  names,
}: {
  filter: SagaFilter;
  names: string[];
}) => (
  <form class="filter" id="filter" method="get" action="/sagas" role="search">
    <div>
      <label for="status">Status</label>
      <select id="status" name="status">
        <option value="">any</option>
        {sagaStatuses.map((one) => (
          <option value={one} selected={one === status}>
            {one}
          </option>
        ))}
      </select>
    </div>
    <div>
      <label for="saga">Saga</label>
      <select id="saga" name="saga">
        <option value="">any</option>
        {names.map((one) => (
          <option value={one} selected={one === name}>
            {one}
          </option>
        ))}
      </select>
    </div>
    <div class="grow">
      <label for="key">Key or id</label>
      <input
        id="key"
        name="key"
        type="search"
        placeholder="group:5, or 1234"
        value={key}
        autocomplete="off"
      />
    </div>
    <div class="check">
      <input id="stuck" name="stuck" type="checkbox" value="true" checked={stuck === true} />
      <label for="stuck">only stuck</label>
    </div>
    <div class="acts">
      <button class="button main" type="submit">
        Show
      </button>
      <a class="button" href="/sagas">
        All
      </a>
    </div>
  </form>
);

export const SagaTable = ({
  sagas,
  now,
  caption,
}: {
  sagas: Saga[];
  now: number;
  caption: string;
}) => (
  <div class="scroll" id="sagas" tabindex={0} role="group" aria-label={`${caption}: sagas`}>
    <table class="sagas">
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th scope="col" class="number">
            Id
          </th>
          <th scope="col">Key</th>
          <th scope="col">Status</th>
          <th scope="col">Saga</th>
          <th scope="col">Accepted</th>
          <th scope="col" class="number">
            Took
          </th>
          <th scope="col">Why it turned back</th>
        </tr>
      </thead>
      <tbody>
        {sagas.map((saga) => (
          <tr id={`saga-${saga.id}`}>
            <td class="number">
              <a href={`/sagas/${saga.id}`}>{saga.id}</a>
            </td>
            <td class="key">{visibleText(saga.key)}</td>
            <td>
              <StatusBadge status={saga.status} stuck={saga.stuck} />
            </td>
            <td>{saga.name}</td>
            <td>
              <Moment at={saga.acceptedAt} />
            </td>
            <td class="number">
              {durationText((saga.endedAt ?? Math.max(now, saga.acceptedAt)) - saga.acceptedAt)}
            </td>
            <td class="text">{saga.error === null ? '' : visibleText(saga.error)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);

/** @param filter `before` null: from the newest on */
function addressOf({
  status,
  name,
  key,
  stuck,
  before,
}: Omit<SagaFilter, 'before'> & { before?: number | null }): string {
  const parameters = new URLSearchParams({
    ...(status === undefined ? {} : { status }),
    ...(name === undefined ? {} : { saga: name }),
    ...(key === undefined ? {} : { key }),
    ...(stuck === undefined ? {} : { stuck: String(stuck) }),
    ...(before === undefined || before === null ? {} : { before: String(before) }),
  });
  return parameters.size === 0 ? '/sagas' : `/sagas?${parameters}`;
}
