#!/usr/bin/env node
// One process: tsx is registered in it, so signals and the exit code are the command's own.
import { register } from 'tsx/esm/api';

register();
await import('../src/main.ts');
