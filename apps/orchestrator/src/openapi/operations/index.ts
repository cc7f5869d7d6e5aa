import type { Operation } from '../operation.ts';
import { cluster } from './cluster.ts';
import { events } from './events.ts';
import { operators } from './operators.ts';
import { ofProcess } from './process.ts';
import { sagas } from './sagas.ts';

/** Every operation of the API. A test holds them to the routes that there are, and to what these answer. */
export const operations: Operation[] = [
  ...sagas,
  ...events,
  ...operators,
  ...cluster,
  ...ofProcess,
];
