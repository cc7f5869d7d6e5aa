/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import type { Context } from 'hono';
import { html } from 'hono/html';
import type { Child } from 'hono/jsx';
import { getCookie } from 'hono/cookie';
import { sessionCookie } from '../security/session.ts';
import { assetUrl, type AssetName } from './assets.ts';

/** What a request says it wants of a page: with this header, only its changing part, to put in place of the old one. */
const partHeader = 'X-Console-Part';

export interface PageOptions {
  title: string;
  /** The room that it belongs to; null: none. */
  place: (typeof rooms)[number]['place'] | null;
  /** Where changes are told (server-sent events); null: it does not change. */
  events?: string | null;
  /** Milliseconds after which it is asked for again, told or not. */
  refreshMs?: number;
  scripts?: AssetName[];
  styles?: AssetName[];
  status?: 200 | 400 | 401 | 403 | 404 | 405 | 409 | 413 | 422 | 500 | 503;
  /** Without the way to other pages: whoever sees it may not go there. */
  isBare?: boolean;
}

/** Where one may go, from every page. */
export const rooms = [
  { place: 'overview', href: '/', text: 'Overview' },
  { place: 'sagas', href: '/sagas', text: 'Sagas' },
  { place: 'nodes', href: '/nodes', text: 'Nodes' },
  { place: 'queues', href: '/queues', text: 'Queues' },
  { place: 'api', href: '/docs', text: 'API' },
] as const;

/** A page, or of one that is shown already the part that changes. */
export function answerPage(
  context: Context,
  options: PageOptions,
  content: Child,
): Response | Promise<Response> {
  context.header('Cache-Control', 'no-store');
  context.header('Vary', partHeader);
  const { status = 200, events = null, refreshMs } = options;
  const main = (
    <main id="main" data-events={events ?? undefined} data-refresh-ms={refreshMs}>
      {content}
    </main>
  );
  if (context.req.header(partHeader) !== undefined) return context.html(main, status);
  return context.html(
    html`<!doctype html>${(
        <Page {...options} isSignedIn={getCookie(context, sessionCookie) !== undefined}>
          {main}
        </Page>
      )}`,
    status,
  );
}

function Page(options: PageOptions & { isSignedIn: boolean; children: Child }) {
  const { title, scripts = [], styles = [], isBare = false } = options;
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} - reliable-ops`}</title>
        <link rel="icon" href={assetUrl('icon.svg')} type="image/svg+xml" />
        {['console.css' as const, ...styles].map((name) => (
          <link rel="stylesheet" href={assetUrl(name)} />
        ))}
        {scripts.map((name) => (
          <script src={assetUrl(name)} defer />
        ))}
        <script src={assetUrl('console.js')} type="module" />
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <header class="top">
          <a class="brand" href="/">
            reliable-ops
          </a>
          {isBare ? null : <Rooms place={options.place} />}
          <p id="live" class="live" role="status" hidden />
          {options.isSignedIn && !isBare ? (
            <form method="post" action="/logout">
              <button class="button plain" type="submit">
                Sign out
              </button>
            </form>
          ) : null}
        </header>
        {options.children}
        <dialog id="dialog" aria-labelledby="dialog-title" />
      </body>
    </html>
  );
}

const Rooms = ({ place }: Pick<PageOptions, 'place'>) => (
  <nav aria-label="Console">
    {rooms.map((room) => (
      <a href={room.href} aria-current={room.place === place ? 'page' : undefined}>
        {room.text}
      </a>
    ))}
  </nav>
);
