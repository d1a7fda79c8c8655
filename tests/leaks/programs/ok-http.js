// SPDX-License-Identifier: MIT
// Healthy: a real HTTP server under load from the same process, connections kept and closed.
'use strict';
const http = require('node:http');
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
let count = 0;
const server = http.createServer((request, response) => {
  let size = 0;
  request.on('data', (chunk) => { size += chunk.length; });
  request.on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ count: ++count, size, url: request.url }));
  });
});
const listening = new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

function get(id, keep) {
  return new Promise((resolve, reject) => {
    const request = http.request({ port: server.address().port, host: '127.0.0.1', method: 'POST',
      path: '/item/' + id, agent: keep ? agent : false, headers: { 'x-id': String(id) } },
    (response) => {
      response.resume();
      response.on('end', resolve);
    });
    request.on('error', reject);
    request.end('body of ' + id);
  });
}
globalThis.act = async () => {
  await listening;
  for (let i = 0; i < 10; i++) {
    await Promise.all([1, 2, 3, 4].map((k) => get(count * 10 + k, i % 2 === 0)));
  }
  await new Promise((resolve) => setTimeout(resolve, 30));
};
