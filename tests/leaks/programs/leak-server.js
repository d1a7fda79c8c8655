// SPDX-License-Identifier: MIT
// The example: a real server with one planted leak, and much around it that is healthy.
//: leak {"name":"Session","kind":"growing collection","count":10,"holder":"sessions","says":["Map \"sessions\"","leaky-server/server.js","10"]}
'use strict';
const http = require('node:http');
const { server } = require('../../../examples/leaky-server/server.js');
const listening = new Promise((resolve) => server.on('listening', resolve));

function get(path) {
  return new Promise((resolve, reject) => {
    http.get({ port: server.address().port, host: '127.0.0.1', path, agent: false }, (response) => {
      response.resume();
      response.on('end', resolve);
    }).on('error', reject);
  });
}
globalThis.act = async () => {
  await listening;
  for (let i = 0; i < 10; i++) await get('/work');
  await new Promise((resolve) => setTimeout(resolve, 30));
};
