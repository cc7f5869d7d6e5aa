import { nodeSchemas } from '@reliable-ops/database';

/** The cluster's nodes and the table that each keeps its groups in. */
const groupTables = {
  node01: nodeSchemas.node01Groups,
  node02: nodeSchemas.node02Groups,
  node03: nodeSchemas.node03Groups,
} as const;
/** Where each keeps the fence up to which every token is stale. */
const floorTables = {
  node01: nodeSchemas.node01Floor,
  node02: nodeSchemas.node02Floor,
  node03: nodeSchemas.node03Floor,
} as const;
export type NodeName = keyof typeof groupTables;
/** The tables differ in their schema's name alone; this stands for any of them. */
export type GroupTable = typeof groupTables.node01;
export type FloorTable = typeof floorTables.node01;

export const nodeNames = Object.keys(groupTables) as NodeName[];

export const isNodeName = (name: string): name is NodeName => Object.hasOwn(groupTables, name);

export const groupTableOf = (node: NodeName): GroupTable => groupTables[node] as GroupTable;

export const floorTableOf = (node: NodeName): FloorTable => floorTables[node] as FloorTable;
