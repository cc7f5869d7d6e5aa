import { Hono } from 'hono';
import { createDocument, type Document } from './document.ts';
import { renderPage } from './page.ts';

/** No script, and nothing of anybody else: the page is text, our style sheets and our icon. */
const contentPolicy =
  "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** GET /openapi.json, and GET /docs: the same to read. The document is made when it is first asked for. */
export function openapiRoutes(version: string): Hono {
  let document: Document | undefined;
  const known = (): Document => (document ??= createDocument(version));
  return new Hono()
    .get('/openapi.json', (context) => context.json(known()))
    .get('/docs', (context) => {
      const page = renderPage(known(), context.req.header('host') ?? '');
      return context.html(page, 200, { 'Content-Security-Policy': contentPolicy });
    });
}
