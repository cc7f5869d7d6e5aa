import type { Command } from '../context.ts';
import { cancelCommand } from './cancel.ts';
import { createCommand, deleteCommand } from './change-groups.ts';
import { createOneCommand, deleteOneCommand } from './change-one.ts';
import { faultsCommand } from './faults.ts';
import { listCommand } from './list.ts';
import { openCommand } from './open.ts';
import { pauseCommand } from './pause.ts';
import { resolveCommand } from './resolve.ts';
import { resumeCommand } from './resume.ts';
import { retryCommand } from './retry.ts';
import { reconcileCommand } from './reconcile.ts';
import { showCommand } from './show.ts';
import { statsCommand } from './stats.ts';
import { statusCommand } from './status.ts';
import { verifyCommand } from './verify.ts';
import { waitCommand } from './wait.ts';
import { watchCommand } from './watch.ts';

/** In the order in which help lists them. */
export const commands: readonly Command[] = [
  createCommand,
  deleteCommand,
  createOneCommand,
  deleteOneCommand,
  statsCommand,
  verifyCommand,
  reconcileCommand,
  showCommand,
  listCommand,
  watchCommand,
  openCommand,
  waitCommand,
  statusCommand,
  cancelCommand,
  retryCommand,
  resolveCommand,
  pauseCommand,
  resumeCommand,
  faultsCommand,
];
