-- One line for the runner at the end: requests, bytes, errors of every kind.
function done(summary, latency, requests)
  local e = summary.errors
  print(string.format("report %d %d %d", summary.requests, summary.bytes,
    e.connect + e.read + e.write + e.status + e.timeout))
end
