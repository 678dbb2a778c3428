/** The wall clock as a port, so that rules and use cases never read it themselves. */

/** The wall clock, and waiting by it. Event time never comes from here. */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  nowMs(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}
