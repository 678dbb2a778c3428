/** The wall clock as a port, so that rules and use cases never read it themselves. */

/** The wall clock, and waiting by it. Event time never comes from here. */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  nowMs(): number
  /** Resolves after `ms`, or as soon as the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Milliseconds since some fixed instant, never going back: only differences mean something. */
  elapsedMs(): number
  /** CPU time that this process has used so far, user and system, in milliseconds. */
  cpuMs(): number
}
