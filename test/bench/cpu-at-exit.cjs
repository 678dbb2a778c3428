// Loaded into a process under measure: prints at its end the CPU that it used, in microseconds.
process.on('exit', () => {
  const { user, system } = process.cpuUsage()
  process.stdout.write(`\ncpu_us=${user + system}\n`)
})
