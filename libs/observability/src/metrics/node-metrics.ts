import { Counter, type Registry } from 'prom-client';
import { createTally } from './tally.ts';

export interface OperationMeasure {
  op: string;
  /** `applied`, or the status of the refusal. */
  outcome: string;
}

/** Answers what to tell of the operations of one request to a reference node. */
export function createNodeMetrics(
  registry: Registry,
): (node: string, operations: OperationMeasure[]) => void {
  const operationsTotal = new Counter({
    name: 'rops_node_operations_total',
    help: 'Operations that a reference node was asked for over the fenced protocol, by what it answered',
    labelNames: ['node', 'op', 'outcome'],
    registers: [registry],
  });
  return (node, operations) => {
    const counts = createTally();
    for (const { op, outcome } of operations) counts.add(`${op} ${outcome}`);
    for (const [id, n] of counts) {
      const [op = '', outcome = ''] = id.split(' ');
      operationsTotal.inc({ node, op, outcome }, n);
    }
  };
}
