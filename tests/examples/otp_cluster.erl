%% SPDX-License-Identifier: MIT
%% Two nodes: `a` has the supervisor, `b` asks, kills, and holds what it sees against what must be.
-module(otp_cluster).
-export([serve/0, play/0]).

serve() ->
    Plim = os:getenv("PLIM"), Counter = os:getenv("COUNTER"), Folder = os:getenv("FOLDER"),
    Cookie = os:getenv("COOKIE_FILE"),
    {ok, Sup} = plim_sup:start_link(
        [{list_to_atom("c" ++ integer_to_list(I)), Plim,
          ["--cookie-file", Cookie, "--", Counter, Folder ++ "/c" ++ integer_to_list(I)]}
         || I <- [1, 2]]),
    unlink(Sup),
    io:format("serving~n"),
    receive stop -> ok end.

node_a() -> list_to_atom(os:getenv("NODE_A")).

%% Asks until the server is there again.
ask(Name, Code) -> ask(Name, Code, 200).
ask(Name, Code, Left) ->
    try plim_worker:ask({Name, node_a()}, Code)
    catch exit:Why when Left > 0 -> _ = Why, timer:sleep(25), ask(Name, Code, Left - 1)
    end.

kill(Pid) -> os:cmd("kill -9 " ++ integer_to_list(Pid)).

changed(Name, Old, 0) -> exit({not_restarted, Name, Old});
changed(Name, Old, Left) ->
    New = try plim_worker:pids({Name, node_a()}) catch exit:_ -> Old end,
    if New =:= Old -> timer:sleep(25), changed(Name, Old, Left - 1); true -> New end.

play() ->
    pong = net_adm:ping(node_a()),
    {ok, <<"5 1">>} = ask(c1, <<"add 5">>),
    {ok, <<"7 1">>} = ask(c2, <<"add 7">>),
    {error, {err_usage, <<"add N, read or crash">>}} = ask(c1, <<"what">>),
    %% The worker, then the node it hangs on: each time OTP starts both, with the sum.
    Lives = lists:foldl(fun(I, Life) ->
        {Node, Worker} = Pids = plim_worker:pids({c1, node_a()}),
        kill(case I rem 2 of 0 -> Worker; 1 -> Node end),
        {Node2, Worker2} = changed(c1, Pids, 400),
        true = Node2 =/= Node andalso Worker2 =/= Worker,
        Sum = integer_to_binary(5 + I), Next = integer_to_binary(Life + 1),
        Wanted = <<Sum/binary, " ", Next/binary>>,
        {ok, Wanted} = ask(c1, <<"add 1">>),
        Life + 1
    end, 1, lists:seq(1, 10)),
    %% A crash is told to whoever waits, in words.
    Pids = plim_worker:pids({c1, node_a()}),
    {error, {err_gone, Why}} = plim_worker:ask({c1, node_a()}, <<"crash">>),
    {match, _} = re:run(Why, "segmentation fault .SIGSEGV. at address 0x0"),
    _ = changed(c1, Pids, 400),
    After = integer_to_binary(Lives + 1),
    Read = <<"15 ", After/binary>>,
    {ok, Read} = ask(c1, <<"read">>),
    %% One for one: the other one lived on.
    {ok, <<"7 1">>} = ask(c2, <<"read">>),
    [{specs, 2}, {active, 2}, {supervisors, 0}, {workers, 2}] =
        rpc:call(node_a(), supervisor, count_children, [plim_sup]),
    io:format("played ~p lives~n", [Lives + 1]),
    %% The supervisor's end is theirs.
    {Node3, Worker3} = plim_worker:pids({c1, node_a()}),
    ok = rpc:call(node_a(), gen_server, stop, [plim_sup]),
    gone([Node3, Worker3], 400),
    io:format("gone~n"),
    rpc:call(node_a(), init, stop, []),
    init:stop().

gone(Pids, 0) -> exit({still_there, Pids});
gone(Pids, Left) ->
    case lists:any(fun(P) -> filelib:is_dir("/proc/" ++ integer_to_list(P)) end, Pids) of
        true -> timer:sleep(25), gone(Pids, Left - 1);
        false -> ok
    end.
