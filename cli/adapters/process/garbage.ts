/** V8's garbage collector, as a server needs it. */
import v8 from 'node:v8'

/**
 * Turns pretenuring off for this process. V8 sees that objects of requests which wait for the disk
 * live for a while, and from then on makes all objects of that kind among the old ones. They keep
 * whatever they point to alive until the old ones are collected: each collection of young objects
 * then takes ten times as long, and the next request waits for it.
 */
export function turnPretenuringOff(): void {
  v8.setFlagsFromString('--no-allocation-site-pretenuring')
}
