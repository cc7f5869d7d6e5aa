/** An error that the simulation has caused: no process may be blamed for passing it on. */
export class SimulatedFault extends Error {
  override readonly name = 'SimulatedFault';
  readonly code: string;
  constructor(code: string) {
    super(`simulated: ${code}`);
    this.code = code;
  }
}
