import { spawn, type ChildProcess } from 'node:child_process';

/**
 * Ends what we started when we die without a chance to do it ourselves (kill -9, a crash): a shell in
 * its own session reads our end of a pipe; when the pipe breaks, it ends every process that is still on the list
 * and removes the folders on it. Plain sh, since it must outlive us and cost nothing.
 */
const guard = `
trap '' INT TERM HUP
held=''
set --
while read -r verb rest; do
  case $verb in
    hold) held="$held $rest" ;;
    drop) kept=''; for item in $held; do [ "\${item#*:}" = "$rest" ] || kept="$kept $item"; done; held=$kept ;;
    folder) set -- "$@" "$rest" ;;
    quit) exit 0 ;;
  esac
done
for item in $held; do kill -"\${item%%:*}" "\${item#*:}" 2>/dev/null; done
tries=0
while [ $tries -lt 50 ]; do
  alive=''
  for item in $held; do kill -0 "\${item#*:}" 2>/dev/null && alive=yes; done
  [ -z "$alive" ] && break
  sleep 0.1
  tries=$((tries + 1))
done
for item in $held; do kill -KILL "\${item#*:}" 2>/dev/null; done
for folder in "$@"; do rm -rf "$folder"; done
`;

export type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGKILL';

let shell: ChildProcess | undefined;
const holds = new Set<string>();

function tell(line: string): void {
  if (!shell) {
    shell = spawn('/bin/sh', ['-c', guard], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      cwd: '/',
    });
    shell.on('error', () => {}); // without it, only a kill -9 of us leaves something running
    shell.stdin?.on('error', () => {});
    shell.unref();
    // The pipe alone must not keep us alive; the type does not know that it is a socket.
    (shell.stdin as unknown as { unref?: () => void }).unref?.();
  }
  shell.stdin?.write(`${line}\n`);
}

function release(key: string): void {
  if (!holds.delete(key) || holds.size > 0) return;
  shell?.stdin?.end('quit\n');
  shell = undefined;
}

/** Should we die first, `pid` gets `signal`, and SIGKILL 5 s later. */
export function holdProcess(pid: number, signal: StopSignal): void {
  holds.add(`process ${pid}`);
  tell(`hold ${signal.slice(3)}:${pid}`);
}

/** Call it as soon as the process has ended: its number may be given to another one. */
export function releaseProcess(pid: number): void {
  if (!holds.has(`process ${pid}`)) return;
  tell(`drop ${pid}`);
  release(`process ${pid}`);
}

/** Should we die first, the folder is removed after all processes have ended. */
export function holdFolder(path: string): void {
  holds.add(`folder ${path}`);
  tell(`folder ${path}`);
}

/** The folder is gone, or may stay: the last hold that is released ends the guard. */
export function releaseFolder(path: string): void {
  release(`folder ${path}`);
}
