import { html, raw } from 'hono/html';
import type {
  Document,
  DocumentedAnswer,
  DocumentedContent,
  DocumentedOperation,
} from './document.ts';
import type { JsonSchema } from './schemas.ts';
import { describeSchema } from './schema-text.ts';

type Html = ReturnType<typeof html>;

/** The document as a page without a script. What it holds is ours, and escaped all the same. */
export function renderPage(document: Document): string {
  const { info, tags, paths, components } = document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const ofTag = (name: string) => operations.filter(({ operation }) => operation.tags[0] === name);
  return String(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>reliable-ops API</title>
          <link rel="stylesheet" href="/docs/style.css" />
        </head>
        <body>
          <header>
            <h1>reliable-ops API ${info['version']}</h1>
            <p>${info['description']}</p>
            <p>
              For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI ${document.openapi}).
              Where <code>API_TOKENS</code> is set, send one of them:
              <code>Authorization: Bearer &lt;token&gt;</code>.
            </p>
          </header>
          <nav aria-label="Operations">
            <ul>
              ${operations.map(
                ({ path, method, operation }) =>
                  html`<li>
                    <a href="#${operation.operationId}"
                      ><code>${method.toUpperCase()} ${path}</code></a
                    >
                  </li>`,
              )}
            </ul>
          </nav>
          <main>
            ${tags.map(
              ({ name, description }) =>
                html`<h2>${description}</h2>
                  ${ofTag(name).map((one) => renderOperation(one.method, one.path, one.operation))}`,
            )}
            <h2>Schemas</h2>
            ${Object.entries(components.schemas).map(
              ([name, schema]) =>
                html`<details id="schema-${name}">
                  <summary><code>${name}</code></summary>
                  ${renderSchema(schema)}
                </details>`,
            )}
          </main>
        </body>
      </html>`,
  );
}

function renderOperation(method: string, path: string, operation: DocumentedOperation): Html {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation;
  return html`<details id="${operationId}">
    <summary><b>${method.toUpperCase()}</b> <code>${path}</code> <span>${summary}</span></summary>
    ${description === undefined ? '' : html`<p>${description}</p>`}
    ${
      parameters.length === 0
        ? ''
        : html`<h4>Parameters</h4>
            <table>
              ${parameters.map(
                ({ name, in: place, description: meaning, required, example }) =>
                  html`<tr>
                    <th scope="row"><code>${name}</code></th>
                    <td>${place}${required ? ', required' : ''}</td>
                    <td>${meaning}; e.g. <code>${example}</code></td>
                  </tr>`,
              )}
            </table>`
    }
    ${
      requestBody
        ? html`<h4>Body${requestBody.required ? '' : ', optional'}</h4>
            ${renderContent(requestBody.content)}`
        : ''
    }
    <h4>Answers</h4>
    ${Object.entries(responses)
      .filter(([, answer]) => !isRefusal(answer))
      .map(
        ([status, { description: meaning, content = {} }]) =>
          html`<p><b>${status}</b> ${meaning}</p>
            ${renderContent(content)}`,
      )}
    <h4>Errors</h4>
    <table>
      ${Object.entries(responses)
        .filter(([, answer]) => isRefusal(answer))
        .map(
          ([status, { description: codes }]) =>
            html`<tr>
              <th scope="row">${status}</th>
              <td><code>${codes}</code></td>
            </tr>`,
        )}
    </table>
  </details>`;
}

const isRefusal = ({ content = {} }: DocumentedAnswer): boolean =>
  'application/problem+json' in content;

const renderContent = (content: DocumentedContent): Html[] =>
  Object.entries(content).map(
    ([type, { schema, example }]) =>
      html`<p><code>${type}</code></p>
        <pre>${JSON.stringify(example, null, 2)}</pre>
        ${renderSchema(schema)}`,
  );

/** As text, with links to the schemas that it names. */
function renderSchema(schema: JsonSchema): Html {
  const parts = describeSchema(schema).split(/(#\w+)/);
  return html`<pre>
${parts.map((part) => (part.startsWith('#') ? html`<a href="#schema-${part.slice(1)}">${part.slice(1)}</a>` : part))}</pre>
    ${raw('')}`;
}
