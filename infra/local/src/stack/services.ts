import type { StackFile } from '@reliable-ops/contracts';
import { supervise, type Running, type Supervised } from '../supervisor/supervised.ts';
import type { StackLock } from './lock.ts';
import { createStackFile } from './stack-file.ts';

interface Service {
  name: string;
  /** Higher ones are stopped first; those of one stage at the same time. */
  stage: number;
  start: () => Promise<Running>;
  url: () => string | null;
}

interface Death {
  name: string;
  deaths: number;
  /** The last thing it wrote. */
  lastLine: string;
}

/** All that the stack supervises; stack.json and the lock follow every change. */
export interface Services {
  add(service: Service): Promise<void>;
  /** A server that somebody else runs: named in stack.json, otherwise left alone. */
  addForeign(name: string, url: string): void;
  /** Prints a line under the process's name: what we say about it. */
  sayFor(name: string): (line: string) => void;
  /** The same for what the process itself writes. */
  showOutputOf(name: string): (line: string) => void;
  onDeath(listener: (death: Death) => void): void;
  /** In reverse order of the stages. Nothing runs and stack.json is gone afterwards. */
  stop(): Promise<void>;
  kill(): void;
}

interface Entry {
  service: Pick<Service, 'name' | 'stage' | 'url'>;
  supervised?: Supervised;
}

const nameWidth = 12;

export function createServices(options: {
  folder: string;
  lock: StackLock;
  write: (line: string) => void;
}): Services {
  const { folder, lock, write } = options;
  const file = createStackFile(folder);
  const entries: Entry[] = [];
  const lastLines = new Map<string, string>();
  let tellDeath = (_death: Death): void => {};
  let stopping: Promise<void> | undefined;

  const publish = (): void => {
    if (stopping) return; // the record of who may still run stays until all have gone
    const processes: StackFile['processes'] = entries.map(({ service, supervised }) => ({
      name: service.name,
      pid: supervised?.pid ?? null,
      url: service.url(),
    }));
    file.write(processes);
    lock.recordChildren(
      processes.flatMap(({ name, pid }) => (pid === null ? [] : [{ name, pid }])),
    );
  };
  const sayFor = (name: string) => (line: string) => {
    // A stop makes clients and servers complain about each other.
    if (!stopping) write(`${name.padEnd(nameWidth)} | ${line}`);
  };
  const showOutputOf = (name: string) => {
    const say = sayFor(name);
    return (line: string) => {
      if (line.trim() !== '') lastLines.set(name, line.trim());
      say(line);
    };
  };
  const stopAll = async (): Promise<void> => {
    const stages = [...new Set(entries.map(({ service }) => service.stage))].sort((a, b) => b - a);
    for (const stage of stages) {
      const members = entries.filter(({ service }) => service.stage === stage);
      await Promise.all(members.map(({ supervised }) => supervised?.stop()));
    }
    file.remove();
  };

  return {
    async add(service) {
      const { name, start } = service;
      const entry: Entry = { service };
      entries.push(entry); // now: stack.json lists them in the order in which they were added
      entry.supervised = await supervise({
        name,
        start,
        say: sayFor(name),
        changed: publish,
        died: ({ deaths }) => tellDeath({ name, deaths, lastLine: lastLines.get(name) ?? '' }),
      });
      publish();
    },
    addForeign(name, url) {
      entries.push({ service: { name, stage: 0, url: () => url } });
      publish();
    },
    sayFor,
    showOutputOf,
    onDeath(listener) {
      tellDeath = listener;
    },
    stop: () => (stopping ??= stopAll()),
    kill: () => entries.forEach(({ supervised }) => supervised?.kill()),
  };
}
