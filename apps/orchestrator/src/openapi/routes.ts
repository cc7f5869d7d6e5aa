import { Hono } from 'hono';
import { createDocument, type Document } from './document.ts';
import { renderPage } from './page.ts';
import { style } from './style.ts';

/** No script, and nothing of anybody else: the page is text and a style sheet of ours. */
const contentPolicy =
  "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** GET /openapi.json, and GET /docs: the same to read. Both are made when they are first asked for. */
export function openapiRoutes(version: string): Hono {
  let document: Document | undefined;
  let page: string | undefined;
  const known = (): Document => (document ??= createDocument(version));
  return new Hono()
    .get('/openapi.json', (context) => context.json(known()))
    .get('/docs', (context) => {
      page ??= renderPage(known());
      return context.html(page, 200, { 'Content-Security-Policy': contentPolicy });
    })
    .get('/docs/style.css', (context) =>
      context.body(style, 200, { 'Content-Type': 'text/css; charset=utf-8' }),
    );
}
