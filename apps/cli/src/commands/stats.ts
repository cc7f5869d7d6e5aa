import type { ClusterView } from '@reliable-ops/contracts';
import type { Command, Context } from '../context.ts';
import { exitCodes } from '../errors.ts';
import { formatCount, printable } from '../text.ts';

export const statsCommand: Command = {
  usage: 'stats',
  summary: 'Groups on each node, and whether the ids are the same on all of them',
  details: [
    '--json: [true,{"node01":100,...}], null where it is not known.',
    'Exit 0: the same on all; 1: they differ, or a node is not reachable.',
  ],
  examples: ['rops stats', 'rops stats --json'],
  async run(context) {
    const cluster = await context.connect('once').readCluster();
    if (context.options.json) context.printDocument([cluster.consistent, cluster.nodes]);
    else printCluster(context, cluster);
    return cluster.consistent === true ? exitCodes.done : exitCodes.notDone;
  },
};

function printCluster({ print, printTable, colors }: Context, cluster: ClusterView): void {
  const rows = Object.entries(cluster.nodes).map(([node, groups]) => [
    printable(node),
    groups === null ? colors.yellow('not reachable') : formatCount(groups),
  ]);
  printTable(['node', 'groups'], rows);
  print(describeConsistency(cluster, colors));
}

function describeConsistency({ consistent }: ClusterView, colors: Context['colors']): string {
  if (consistent === true) return colors.green('consistent: the ids are the same on all nodes');
  if (consistent === false) {
    return colors.red('not consistent: the ids differ (they may while sagas are running)');
  }
  return colors.yellow('not known: a node that cannot be reached hides the answer');
}
