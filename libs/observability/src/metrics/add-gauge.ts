import { Gauge, type GaugeConfiguration, type Registry } from 'prom-client';

/** Adds a gauge; one that is read when somebody scrapes has `collect`. */
export const addGauge = <Label extends string>(
  registry: Registry,
  gauge: GaugeConfiguration<Label>,
): Gauge<Label> => new Gauge({ ...gauge, registers: [registry] });
