%% SPDX-License-Identifier: MIT
%% A worker of Plimsoll's channel under an OTP supervisor: a gen_server that owns the process as a
%% port and speaks to it as to a node. When the process ends, so does the server, and its supervisor
%% starts both anew.
-module(plim_worker).
-behaviour(gen_server).
-export([start_link/3, ask/2, ask/3, pids/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

%% Name: registered, and the C node's. Plim: the path of plim. Args: options and "--" and a command.
start_link(Name, Plim, Args) ->
    gen_server:start_link({local, Name}, ?MODULE, {Name, Plim, Args}, []).

%% {ok, Binary} or {error, {Status, Why}}; the caller exits where the server dies meanwhile.
ask(Server, Code) -> ask(Server, Code, []).
ask(Server, Code, How) -> gen_server:call(Server, {ask, Code, How}, 15000).

%% {Of the C node, of the worker}
pids(Server) -> gen_server:call(Server, pids, 15000).

init({Name, Plim, Args}) ->
    process_flag(trap_exit, true),
    Line = ["worker", "--erlang", atom_to_list(node()), "--name", atom_to_list(Name) | Args],
    Port = open_port({spawn_executable, Plim}, [{args, Line}, exit_status, use_stdio, binary]),
    receive
        {plim_worker, up, Pid, Os, Worker} ->
            {ok, #{port => Port, pid => Pid, os => Os, worker => Worker, open => #{}}};
        {Port, {exit_status, Status}} ->
            {stop, {exit_status, Status}}
    after 10000 ->
        {stop, timeout}
    end.

handle_call({ask, Code, How}, From, State = #{pid := Pid, open := Open}) ->
    Ref = make_ref(),
    Pid ! case How of
              [idempotent] -> {plim_request, self(), Ref, Code, idempotent};
              [] -> {plim_request, self(), Ref, Code}
          end,
    {noreply, State#{open := Open#{Ref => From}}};
handle_call(pids, _From, State = #{os := Os, worker := Worker}) ->
    {reply, {Os, Worker}, State}.

handle_cast(_, State) -> {noreply, State}.

handle_info({plim_response, Ref, How, What}, State = #{open := Open}) ->
    case maps:take(Ref, Open) of
        {From, Rest} ->
            gen_server:reply(From, {How, What}),
            {noreply, State#{open := Rest}};
        error ->
            {noreply, State}
    end;
handle_info({Port, {exit_status, Status}}, State = #{port := Port}) ->
    {stop, {exit_status, Status}, State};
handle_info({plim_log, _Pid, _Level, Text}, State) ->
    logger:notice("~ts", [Text]),
    {noreply, State};
handle_info(_, State) ->
    {noreply, State}.

%% The port's end is the end of its standard input: the worker finishes and goes.
terminate(_Reason, _State) -> ok.
