/** The orchestrator: REST and Bull Board in front of the engine. Read first: server.ts (what there is), app.ts (the way in). */
export * from './app.ts';
export * from './sagas/waiting.ts';
export * from './server.ts';
