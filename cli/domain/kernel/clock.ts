/**
 * Time as a port, so that tests decide what time it is. Event time never comes from here: it is in
 * the events.
 */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  nowMs(): number
  /** Resolves after `ms`, or as soon as the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Milliseconds since some fixed moment; never goes back. Only differences mean something. */
  elapsedMs(): number
  /** CPU time that this process has used so far, user and system, in milliseconds. */
  cpuMs(): number
}
