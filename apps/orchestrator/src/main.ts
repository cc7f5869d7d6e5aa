import { createLogger, loadConfigOrExit, runProcess } from '@reliable-ops/runtime';
import { startOrchestrator } from './server.ts';

const config = loadConfigOrExit();
const logger = createLogger('orchestrator', config);
await runProcess(logger, () => startOrchestrator(config, logger));
