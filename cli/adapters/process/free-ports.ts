/** Ports of 127.0.0.1 that nobody listens on, found by trying. */
import { createServer, type Server } from 'node:net'
import { isErrno } from '../files/files.ts'

/** `count` different ports; others may take them before they are used. */
export async function findFreePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0)))
  const ports = servers.map((server) => {
    const address = server?.address()
    return typeof address === 'object' && address ? address.port : 0
  })
  await Promise.all(servers.map((server) => server && close(server)))
  return ports
}

/** Whether this user could listen on the port right now. */
export async function isFree(port: number): Promise<boolean> {
  const server = await listen(port)
  if (server) await close(server)
  return server !== undefined
}

/** undefined: the port is taken, or this user may not use it. */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error) => {
      if (isErrno(error, 'EADDRINUSE') || isErrno(error, 'EACCES')) resolve(undefined)
      else reject(error)
    })
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
  })
}
