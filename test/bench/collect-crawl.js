/**
 * Sockets that send a byte of their headers every second and never end, until this process is
 * killed; one that the server closes is opened again. Arguments: the port, and how many.
 */
import net from 'node:net'

const [port, sockets] = process.argv.slice(2).map(Number)

function crawl() {
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write('POST /v1/events HTTP/1.1\r\nhost: x\r\nx-slow: ')
  const timer = setInterval(() => socket.write('a'), 1_000)
  socket.on('close', () => {
    clearInterval(timer)
    crawl()
  })
}

for (let i = 0; i < sockets; i++) crawl()
