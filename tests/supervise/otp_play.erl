%% SPDX-License-Identifier: MIT
%% Plays the scripts of tree_play.h with OTP's own supervisor and writes the same lines.
-module(otp_play).
-export([main/1, init/1, leaf/1, leaf/2, leaf_init/3]).

main([File, Settle]) ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    ets:new(log, [named_table, public, ordered_set]),
    ets:new(plan, [named_table, public]),
    ets:new(pids, [named_table, public]),
    put(settle, list_to_integer(Settle)),
    {ok, Bin} = file:read_file(File),
    play(string:split(binary_to_list(Bin), "\n", all)),
    halt(0).

play([]) -> ok;
play(["script " ++ N | Rest]) ->
    io:format("script ~s~n", [N]),
    lists:foreach(fun ets:delete_all_objects/1, [log, plan, pids]),
    {Top, Lines} = spec(Rest),
    {Script, After} = lists:splitwith(fun("script " ++ _) -> false; (_) -> true end, Lines),
    events([string:lexemes(L, " ") || L <- Script, L =/= ""], Top, undefined),
    play(After);
play([_ | Rest]) -> play(Rest).

%% {sup, Id, Strategy, Intensity, Auto, Restart, Significant, Children} or a child's map
spec([Line | Rest]) ->
    case string:lexemes(Line, " ") of
        ["sup", Id, Strategy, Intensity, Auto, Restart, Sig] ->
            {Children, Left} = specs(Rest, []),
            {{sup, a(Id), a(Strategy), list_to_integer(Intensity), a(Auto), Restart, Sig, Children}, Left};
        ["leaf" | Words] -> {{leaf, Words}, Rest}
    end.

specs(["end" | Rest], Acc) -> {lists:reverse(Acc), Rest};
specs(Lines, Acc) -> {Spec, Rest} = spec(Lines), specs(Rest, [Spec | Acc]).

a(Text) -> list_to_atom(Text).

child({leaf, [Id | _] = Words}, Simple) -> leaf_spec(Words, if Simple -> []; true -> [a(Id)] end);
child({sup, Id, _, _, _, Restart, Sig, _} = Spec, _) ->
    #{id => Id, start => {supervisor, start_link, [{local, Id}, ?MODULE, Spec]}, restart => a(Restart),
      significant => Sig =:= "significant", type => supervisor}.

leaf_spec([Id, Restart, Sig, Shutdown], Args) ->
    #{id => a(Id), start => {?MODULE, leaf, Args}, restart => a(Restart),
      significant => Sig =:= "significant",
      shutdown => case Shutdown of "kill" -> brutal_kill; _ -> 5000 end}.

init({sup, Id, Strategy, Intensity, Auto, _, _, Children}) ->
    Simple = Strategy =:= simple_one_for_one,
    Simple andalso ets:insert(plan, {{simple, Id}, true}),
    {ok, {#{strategy => Strategy, intensity => Intensity, period => 3600, auto_shutdown => Auto},
          [child(C, Simple) || C <- Children]}}.

leaf(Id) -> leaf(Id, true).
%% A leaf of a simple supervisor is started with its own name.
leaf(Id, Ordered) ->
    case take({ignore, Id}, take({fail, Id}, none, fail), ignore) of
        fail -> log("!", Id), {error, planned};
        ignore -> log("~", Id), ignore;
        none -> proc_lib:start_link(?MODULE, leaf_init, [self(), Id, Ordered])
    end.

take(_, fail, _) -> fail;
take(Key, none, Word) ->
    case ets:lookup(plan, Key) of
        [{_, N}] when N > 0 -> ets:insert(plan, {Key, N - 1}), Word;
        _ -> none
    end.

leaf_init(Parent, Id, Ordered) ->
    process_flag(trap_exit, true),
    ets:insert(pids, {Id, self()}),
    log("+", Id),
    proc_lib:init_ack(Parent, {ok, self()}),
    receive
        {'EXIT', Parent, Reason} -> Ordered andalso log("-", Id), exit(Reason);
        {exit, Reason} -> exit(Reason)
    end.

log(Sign, Id) ->
    ets:insert(log, {erlang:unique_integer([monotonic]), [" ", Sign, atom_to_list(Id)]}).

simple(Sup) -> ets:lookup(plan, {simple, Sup}) =/= [].

events([], _, Top) -> close(Top);
events([["fail", Id, N] | Rest], Spec, Top) ->
    ets:insert(plan, {{fail, a(Id)}, list_to_integer(N)}),
    events(Rest, Spec, Top);
events([["ignore", Id, N] | Rest], Spec, Top) ->
    ets:insert(plan, {{ignore, a(Id)}, list_to_integer(N)}),
    events(Rest, Spec, Top);
events([[Word | Args] | Rest], Spec, Top0) ->
    ets:delete_all_objects(log),
    {Top, Reply, Failed} = event(Word, Args, Spec, Top0),
    Alive = settle(Top, none, 0),
    Out = [Text || {_, Text} <- ets:tab2list(log)],
    Ended = case {Alive, Top0, Word} of
                {true, _, _} -> "";
                {false, undefined, "run"} when Failed -> " top-failed";
                {false, undefined, _} when Word =/= "run" -> "";
                _ -> " top-ended"
            end,
    Said = case Reply of none -> ""; _ -> [" = ", Reply] end,
    States = case Alive of true -> states(Top); false -> "" end,
    io:format("~s:~s~s~s~s~n", [Word, Out, Ended, Said, States]),
    events(Rest, Spec, case Alive of true -> Top; false -> close(Top), undefined end).

close(undefined) -> ok;
close(Pid) ->
    unlink(Pid), Ref = monitor(process, Pid), exit(Pid, shutdown),
    receive {'DOWN', Ref, _, _, _} -> ok end,
    receive {'EXIT', Pid, _} -> ok after 0 -> ok end.

event("run", [], Spec, _) ->
    case supervisor:start_link({local, top}, ?MODULE, Spec) of
        {ok, Pid} -> {Pid, none, false};
        {error, _} -> receive {'EXIT', _, _} -> ok after 0 -> ok end, {undefined, none, true}
    end;
event(_, _, _, undefined) -> {undefined, none, false};
event("stop", [], _, Top) -> close(Top), {Top, none, false};
event("exits", Pairs, _, Top) ->
    Sups = [S || S <- sups(Top), is_pid(S)],
    Asked = [begin [Id, Reason] = string:split(P, ":"), {a(Id), a(Reason)} end || P <- Pairs],
    [sys:suspend(S) || S <- Sups],
    lists:foreach(fun({Id, Reason}) ->
        case ets:lookup(pids, Id) of
            [{_, Pid}] -> Ref = monitor(process, Pid), Pid ! {exit, Reason},
                          receive {'DOWN', Ref, _, _, _} -> ok end;
            [] -> ok
        end end, Asked),
    timer:sleep(get(settle)),
    [catch sys:resume(S) || S <- Sups],
    {Top, none, false};
event(Word, [Sup | Args], _, Top) ->
    Reply = try request(Word, a(Sup), Args) of
                ok -> "ok"; {ok, _} -> "ok"; {ok, _, _} -> "ok";
                {error, not_found} -> "not_found"; {error, simple_one_for_one} -> "simple";
                {error, running} when Word =:= "restart" -> "exists"; {error, running} -> "busy";
                {error, restarting} -> "busy"; {error, already_present} -> "exists";
                {error, {already_started, _}} -> "exists"; {error, _} -> "failed"
            catch exit:_ -> "gone" end,
    {Top, Reply, false}.

request("start", Sup, [Id]) -> supervisor:start_child(Sup, [a(Id), false]);
request("start", Sup, [Id | _] = Words) -> supervisor:start_child(Sup, leaf_spec(Words, [a(Id)]));
request("terminate", Sup, [Id]) -> supervisor:terminate_child(Sup, named(Sup, Id));
request("restart", Sup, [Id]) -> supervisor:restart_child(Sup, named(Sup, Id));
request("delete", Sup, [Id]) -> supervisor:delete_child(Sup, named(Sup, Id)).

named(Sup, Id) ->
    case simple(Sup) andalso ets:lookup(pids, a(Id)) of
        [{_, Pid}] -> Pid;
        _ -> a(Id)
    end.

sups(Sup) when is_pid(Sup) ->
    [Sup | lists:append([sups(P) || {_, P, supervisor, _} <- children(Sup), is_pid(P)])].

children(Sup) -> try supervisor:which_children(Sup) catch exit:_ -> [] end.

%% Nothing happens any more: the same picture twice, and nobody is being restarted at once.
settle(undefined, _, _) -> false;
settle(_, _, 1000) -> io:format("does not settle~n"), halt(1);
settle(Top, Before, N) ->
    timer:sleep(get(settle)),
    case is_process_alive(Top) of
        false -> false;
        true ->
            Now = {ets:info(log, size), catch states(Top)},
            if Now =:= Before -> is_process_alive(Top); true -> settle(Top, Now, N + 1) end
    end.

states(Sup) ->
    Counts = supervisor:count_children(Sup),
    Name = case process_info(Sup, registered_name) of {_, R} -> R; _ -> none end,
    Children = case simple(Name) of true -> []; false -> lists:reverse(children(Sup)) end,
    lists:flatten([io_lib:format(" [~w ~w ~w ~w", [proplists:get_value(K, Counts) || K <- [specs, active, supervisors, workers]]),
     [[" ", atom_to_list(Id), "=",
       case Pid of undefined -> "undefined"; restarting -> "restarting"; _ -> "up" end,
       case {Type, Pid} of {supervisor, P} when is_pid(P) -> states(P); _ -> "" end]
      || {Id, Pid, Type, _} <- Children], "]"]).
