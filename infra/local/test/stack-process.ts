// npm start with a folder of the test's own: <folder> start|demo [options]
import { fileURLToPath } from 'node:url';
import { runAsProcess } from '../src/process.ts';

const checkout = fileURLToPath(new URL('../../..', import.meta.url));
const [folder = '', ...args] = process.argv.slice(2);
await runAsProcess(args, { checkout, folder });
