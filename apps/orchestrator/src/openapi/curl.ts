import type { DocumentedOperation } from './document.ts';

/** An operation's examples as a command. What is optional is left out, but for the body. */
export function curlOf(
  host: string,
  method: string,
  path: string,
  { parameters = [], requestBody, responses }: DocumentedOperation,
): string {
  const filled = parameters
    .filter((parameter) => parameter['in'] === 'path')
    .reduce((made, { name, example }) => made.replace(`{${name}}`, String(example)), path);
  const body = requestBody?.content['application/json'];
  const isStream = 'text/event-stream' in (responses['200']?.content ?? {});
  return [
    'curl',
    ...(isStream ? ['-N'] : []),
    ...(method === 'put' || (method === 'post' && !body) ? ['-X', method.toUpperCase()] : []),
    `${host}${filled}`,
    ...(body
      ? ["-H 'content-type: application/json'", `-d '${JSON.stringify(body.example)}'`]
      : []),
  ].join(' ');
}
