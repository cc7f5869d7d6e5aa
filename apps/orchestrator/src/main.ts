import {
  ConfigError,
  createLogger,
  loadConfig,
  runProcess,
  type Config,
} from '@reliable-ops/runtime';
import { startOrchestrator } from './server.ts';

let config: Config;
try {
  config = loadConfig();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

const logger = createLogger('orchestrator', config);
await runProcess(logger, () => startOrchestrator(config, logger));
