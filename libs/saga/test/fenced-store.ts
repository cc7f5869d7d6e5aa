import type { Command, Outcome, Participant, Token } from '../src/index.ts';

interface Row {
  present: boolean;
  token: Token;
  outcome: string;
  before: boolean;
}

/** A node in memory that keeps the fence table of the design, and fails as it is told. */
export class FencedStore implements Participant {
  rows = new Map<string, Row>();
  /** Every token that changed something, by record: at most once each. */
  changes: string[] = [];
  /** Outcome of a call: 'error' before the change, 'lost' after it. */
  fault: () => 'none' | 'error' | 'lost' = () => 'none';
  stale = 0;

  async run(kind: string, commands: Command[]): Promise<Outcome[]> {
    return commands.map((command) => this.one(kind, command));
  }

  one(kind: string, { data, token }: Command): Outcome {
    const fault = this.fault();
    if (fault === 'error') return { result: 'unknown', error: '500' };
    const id = (data as { id: string }).id;
    const row = this.rows.get(id) ?? {
      present: false,
      token: [0, 0] as Token,
      outcome: '',
      before: false,
    };
    const order = token[0] - row.token[0] || token[1] - row.token[1];
    if (order < 0) {
      this.stale++;
      return { result: 'unknown', error: 'stale', broken: true };
    }
    if (order > 0) this.rows.set(id, this.apply(kind, row, token, id));
    if (fault === 'lost') return { result: 'unknown', error: 'lost reply' };
    return { result: 'applied', output: this.rows.get(id)!.outcome };
  }

  apply(kind: string, row: Row, token: Token, id: string): Row {
    const changed = (present: boolean, outcome: string): Row => {
      this.changes.push(`${id} ${token.join('.')}`);
      return { present, token, outcome, before: row.present };
    };
    const same = (outcome: string): Row => ({ ...row, token, outcome, before: row.present });
    if (kind === 'create') return row.present ? same('existed') : changed(true, 'created');
    if (kind === 'delete') return row.present ? changed(false, 'deleted') : same('absent');
    const isOfIts = row.token[0] === token[0] && ['created', 'deleted'].includes(row.outcome);
    return isOfIts ? changed(row.before, 'restored') : same('nothing');
  }

  present(): string[] {
    return [...this.rows]
      .filter(([, row]) => row.present)
      .map(([id]) => id)
      .sort();
  }
}
