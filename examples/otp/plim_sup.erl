%% SPDX-License-Identifier: MIT
%% A real OTP supervisor over workers of Plimsoll, one for one.
-module(plim_sup).
-behaviour(supervisor).
-export([start_link/1, init/1]).

%% Workers: [{Name, Plim, Args}]
start_link(Workers) -> supervisor:start_link({local, ?MODULE}, ?MODULE, Workers).

init(Workers) ->
    Flags = #{strategy => one_for_one, intensity => 100, period => 10},
    {ok, {Flags, [#{id => Name,
                    start => {plim_worker, start_link, [Name, Plim, Args]},
                    restart => permanent,
                    shutdown => 5000} || {Name, Plim, Args} <- Workers]}}.
