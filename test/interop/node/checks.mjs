// What the suites of both clients share: counts what held, and ends the process where something did not.

let passed = 0

export function check (what, holds, seen) {
  if (!holds) {
    console.error(`failed: ${what}`, seen ?? '')
    process.exit(1)
  }
  passed++
}

export function equal (what, got, wanted) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)]
  check(what, a === b, `got ${a}, wanted ${b}`)
}

export async function fails (what, promise, pattern) {
  let why = null
  await promise.catch((error) => { why = error })
  check(what, why !== null && pattern.test(String(why.message) + String(why.type)), why)
}

// Until `holds()` is true; a promise that never comes true ends the suite.
export async function until (what, holds) {
  const deadline = Date.now() + 60_000
  while (!holds()) {
    if (Date.now() > deadline) check(what, false, 'not within a minute')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  passed++
}

export function done (client) {
  console.log(`${client}: ${passed} checks passed`)
}
