import { fileURLToPath } from 'node:url';
import { runAsProcess } from './process.ts';

const checkout = fileURLToPath(new URL('../../..', import.meta.url));
await runAsProcess(process.argv.slice(2), { checkout, folder: `${checkout}.local` });
