import { html, raw } from 'hono/html';
import { assetUrl } from '../console/assets.ts';
import { rooms } from '../console/page.tsx';
import { curlOf } from './curl.ts';
import type {
  Document,
  DocumentedAnswer,
  DocumentedContent,
  DocumentedOperation,
} from './document.ts';
import { describeSchema } from './schema-text.ts';
import type { JsonSchema } from './schemas.ts';

type Html = ReturnType<typeof html>;

interface Told {
  path: string;
  method: string;
  operation: DocumentedOperation;
}

/**
 * The document as a page without a script. What it holds is ours, and escaped all the same. A link to an operation or a
 * schema leads into its <details>, which a browser opens then.
 *
 * @param host where the page is read: its commands lead there
 */
export function renderPage(document: Document, host: string): string {
  const { info, tags, paths, components } = document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Told => ({ path, method, operation })),
  );
  const groups = tags.map(({ name, description }) => ({
    description,
    told: operations.filter(({ operation }) => operation.tags[0] === name),
  }));
  return String(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>API - reliable-ops</title>
          <link rel="icon" href="${assetUrl('icon.svg')}" type="image/svg+xml" />
          <link rel="stylesheet" href="${assetUrl('console.css')}" />
          <link rel="stylesheet" href="${assetUrl('docs.css')}" />
        </head>
        <body>
          <a class="skip" href="#main">Skip to the content</a>
          <header class="top">
            <a class="brand" href="/">reliable-ops</a>
            <nav aria-label="Console">
              ${rooms.map(
                ({ place, href, text }) =>
                  html`<a href="${href}" ${place === 'api' ? raw('aria-current="page"') : ''}
                    >${text}</a
                  >`,
              )}
            </nav>
          </header>
          <div class="api">
            <nav class="contents" aria-label="Operations">
              ${groups.map(
                ({ told }) =>
                  html`<ul>
                    ${told.map(renderLink)}
                  </ul>`,
              )}
            </nav>
            <main id="main">
              <h1>reliable-ops API ${info['version']}</h1>
              <p>${withCode(String(info['description']))}</p>
              <p>
                For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI
                ${document.openapi}). Where <code>API_TOKENS</code> is set, send one of them:
                <code>Authorization: Bearer &lt;token&gt;</code>.
              </p>
              ${groups.map(
                ({ description, told }) =>
                  html`<h2>${description}</h2>
                    ${told.map((one) => renderOperation(one, host))}`,
              )}
              <h2>Schemas</h2>
              ${Object.entries(components.schemas).map(
                ([name, schema]) =>
                  html`<details>
                    <summary>
                      <h3><code>${name}</code></h3>
                    </summary>
                    <div id="schema-${name}">${renderSchema(schema)}</div>
                  </details>`,
              )}
            </main>
          </div>
        </body>
      </html>`,
  );
}

const renderLink = ({ method, path, operation: { operationId } }: Told): Html =>
  html`<li>
    <a href="#${operationId}"><b>${method.toUpperCase()}</b> ${path}</a>
  </li>`;

function renderOperation({ method, path, operation }: Told, host: string): Html {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation;
  const answers = Object.entries(responses);
  return html`<details>
    <summary>
      <h3><b>${method.toUpperCase()}</b> <code>${path}</code></h3>
      <span>${withCode(summary)}</span>
    </summary>
    <div id="${operationId}">
      ${description === undefined ? '' : html`<p>${withCode(description)}</p>`}
      <pre>${curlOf(host, method, path, operation)}</pre>
      ${
        parameters.length === 0
          ? ''
          : html`<h4>Parameters</h4>
              <dl>
                ${parameters.map(
                  ({ name, in: place, description: meaning, required, example }) =>
                    html`<dt><code>${name}</code> ${place}${required ? ', required' : ''}</dt>
                      <dd>${withCode(String(meaning))}; e.g. <code>${example}</code></dd>`,
                )}
              </dl>`
      }
      ${
        requestBody
          ? html`<h4>Body${requestBody.required ? '' : ', optional'}</h4>
              ${renderContent(requestBody.content)}`
          : ''
      }
      <h4>Answers</h4>
      ${answers
        .filter(([, answer]) => !isRefusal(answer))
        .map(
          ([status, { description: meaning, headers = {}, content = {} }]) =>
            html`<p><b>${status}</b> ${withCode(meaning)}</p>
              ${Object.entries(headers).map(
                ([name, header]) =>
                  html`<p><code>${name}</code>: ${withCode(header.description)}</p>`,
              )}
              ${renderContent(content)}`,
        )}
      <h4>Errors</h4>
      <dl class="errors">
        ${answers.filter(([, answer]) => isRefusal(answer)).map(renderRefusals)}
      </dl>
    </div>
  </details>`;
}

const isRefusal = ({ content = {} }: DocumentedAnswer): boolean =>
  'application/problem+json' in content;

function renderRefusals([status, { headers = {}, content = {} }]: [string, DocumentedAnswer]) {
  const { examples = {} } = content['application/problem+json']!;
  const sent = Object.keys(headers);
  return Object.entries(examples).map(
    ([code, { summary }]) =>
      html`<dt>${status} <code>${code}</code></dt>
        <dd>
          ${withCode(summary)}${sent.map((name) => html`; <code>${name}</code> comes with it`)}
        </dd>`,
  );
}

const renderContent = (content: DocumentedContent): Html[] =>
  Object.entries(content).map(([type, { schema, example }]) => {
    const isNamed = '$ref' in schema;
    return html`<p>
        <code>${type}</code>${isNamed ? html`: ${linked(describeSchema(schema))}` : ''}
      </p>
      <pre>${JSON.stringify(example, null, 2)}</pre>
      ${isNamed ? '' : renderSchema(schema)}`;
  });

const renderSchema = (schema: JsonSchema): Html =>
  html`<pre class="schema">${linked(describeSchema(schema))}</pre>`;

/** Schemas that are named lead to where they stand. */
const linked = (text: string): (Html | string)[] =>
  text
    .split(/(#\w+)/)
    .map((part) =>
      part.startsWith('#') ? html`<a href="#schema-${part.slice(1)}">${part.slice(1)}</a>` : part,
    );

/** What stands between backticks. */
const withCode = (text: string): (Html | string)[] =>
  text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part));
