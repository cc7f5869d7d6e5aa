export * from './decision.ts';
export * from './fault-proxy.ts';
