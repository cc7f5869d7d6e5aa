import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface CollectedSpan {
  service: string;
  name: string;
  traceId: string;
  spanId: string;
  /** Empty: it began its trace. */
  parentId: string;
}

export interface OtlpCollector extends AsyncDisposable {
  url: string;
  spans: CollectedSpan[];
  /** Of every request. */
  paths: Set<string | undefined>;
}

/** Takes what is sent to it by OTLP over HTTP, until it is disposed of. */
export async function startOtlpCollector(): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = [];
  const paths = new Set<string | undefined>();
  const server = createServer((request, response) => {
    paths.add(request.url);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      spans.push(...readSpans(Buffer.concat(chunks)));
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    paths,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The field numbers are those of opentelemetry/proto/collector/trace/v1 and trace/v1. */
function readSpans(request: Buffer): CollectedSpan[] {
  return fieldsOf(request, 1).flatMap((resourceSpans) => {
    const attributes = fieldsOf(resourceSpans, 1).flatMap((resource) => fieldsOf(resource, 1));
    const service = attributes.find((one) => textOf(one, 1) === 'service.name');
    const [value = Buffer.alloc(0)] = service ? fieldsOf(service, 2) : [];
    return fieldsOf(resourceSpans, 2)
      .flatMap((scopeSpans) => fieldsOf(scopeSpans, 2))
      .map((span) => ({
        service: textOf(value, 1),
        name: textOf(span, 5),
        traceId: textOf(span, 1, 'hex'),
        spanId: textOf(span, 2, 'hex'),
        parentId: textOf(span, 4, 'hex'),
      }));
  });
}

const textOf = (message: Buffer, field: number, encoding: BufferEncoding = 'utf8'): string =>
  fieldsOf(message, field)[0]?.toString(encoding) ?? '';

/** What a protobuf message has under one number, as far as it is text, bytes, or a message. */
function fieldsOf(message: Buffer, wanted: number): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = readVarint();
    const [field, type] = [Math.floor(tag / 8), tag % 8];
    if (type === 0) readVarint();
    else if (type === 1) at += 8;
    else if (type === 5) at += 4;
    else {
      const length = readVarint();
      if (field === wanted) found.push(message.subarray(at, at + length));
      at += length;
    }
  }
  return found;
}
