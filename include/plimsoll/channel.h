/* SPDX-License-Identifier: MIT */
/**
 * @file channel.h
 * @brief What a supervisor, its workers and their clients say to each other: messages, and a line.
 *
 * A message is 16 bytes that say how long it is, what it is and to what it belongs, then at most
 * payload_max bytes. All numbers are little-endian. The first message of each side is HELLO, with
 * the versions it speaks; from then on the lower of the two highest holds. A kind that a later
 * version adds is skipped, unless its sender says that it must be understood.
 *
 * Here are the pure half (a message to bytes, bytes to messages: no system, nothing trusted) and a
 * blocking connection over a Unix or TCP socket for whoever has one line and waits on it: a client,
 * a tool. A worker has worker.h over it, a supervisor worker_pool.h.
 *
 * What comes in is hostile until it has been looked at: lengths are bounded before anything is
 * allocated, and memory grows with the bytes that came, not with those that were announced. Texts
 * may hold any byte and have no NUL at their end.
 * Thread-safety: one thread per decoder, one per connection.
 * @see docs/internals/channel.md for every byte.
 */
#ifndef PLIM_CHANNEL_H
#define PLIM_CHANNEL_H
#include <plimsoll/allocator.h>
#include <plimsoll/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
PLIM_DECLS_BEGIN

enum {
    PLIM_CHANNEL_VERSION = 1,              /**< the highest that is spoken here */
    PLIM_CHANNEL_VERSION_MIN = 1,          /**< the lowest */
    PLIM_CHANNEL_PAYLOAD_DEFAULT = 1 << 20 /**< of one message, where nothing is said */
};

/** What a message is. Values are the format's. */
typedef enum plim_message_kind {
    PLIM_MESSAGE_HELLO = 1,         /**< the first: versions, capabilities, how much it takes */
    PLIM_MESSAGE_REQUEST = 2,       /**< id, code, deadline */
    PLIM_MESSAGE_RESPONSE = 3,      /**< id of the request, result, error */
    PLIM_MESSAGE_CANCEL = 4,        /**< id: nobody waits for that any more */
    PLIM_MESSAGE_HEALTH = 5,        /**< id: are you there? */
    PLIM_MESSAGE_HEALTH_ANSWER = 6, /**< the same id, and how it is */
    PLIM_MESSAGE_MEMORY = 7,        /**< memory in use, as the sender counts it */
    PLIM_MESSAGE_LOG = 8,           /**< a line for the log */
    PLIM_MESSAGE_DRAIN = 9,         /**< finish what you have, then end */
    PLIM_MESSAGE_LAST_WORDS = 10    /**< why the sender ends */
} plim_message_kind;

/** Flags of a message. */
enum {
    PLIM_MESSAGE_IDEMPOTENT = 1u << 0, /**< REQUEST: may be done twice as well as once */
    PLIM_MESSAGE_REPEATED = 1u << 1,   /**< REQUEST: another worker may have begun it and died */
    PLIM_MESSAGE_MUST = 1u << 15 /**< who does not know this kind ends the connection, not skips */
};

/** What the sender of a HELLO can do. */
enum {
    PLIM_CHANNEL_CAN_CANCEL = 1u << 0, /**< it looks for CANCEL while it works */
    PLIM_CHANNEL_CAN_REPORT = 1u << 1, /**< it sends MEMORY */
    PLIM_CHANNEL_CAN_DRAIN = 1u << 2   /**< it ends by itself after DRAIN */
};

/** One message. Fields that its kind does not have are 0; pointers are borrowed. */
typedef struct plim_message {
    plim_message_kind kind;
    uint32_t flags;        /**< of PLIM_MESSAGE_…; unknown ones are carried */
    uint64_t id;           /**< REQUEST, RESPONSE, CANCEL, HEALTH, HEALTH_ANSWER */
    uint32_t version;      /**< HELLO: the highest it speaks; at most 65,535 */
    uint32_t version_min;  /**< HELLO: the lowest */
    uint32_t capabilities; /**< HELLO: PLIM_CHANNEL_CAN_… */
    uint32_t payload_max;  /**< HELLO: more than this in one message it does not take */
    uint64_t process;      /**< HELLO: its number at home, for logs; it may lie */
    uint32_t deadline_ms;  /**< REQUEST: how long the answer is of use; 0: for ever */
    int32_t status;        /**< RESPONSE, LAST_WORDS: a plim_status, or one of a later version */
    uint32_t level;        /**< LOG: 0 error, 1 warning, 2 notice, 3 detail */
    uint64_t used_bytes;   /**< MEMORY, HEALTH_ANSWER */
    uint64_t limit_bytes;  /**< MEMORY, HEALTH_ANSWER: its own; 0: none */
    uint64_t answered;     /**< HEALTH_ANSWER: requests since it started */
    const char *error;     /**< RESPONSE: why not; no NUL behind it */
    uint32_t error_bytes;  /**< RESPONSE */
    uint32_t body_bytes;   /**< of the body */
    const unsigned char *body; /**< REQUEST its code, RESPONSE its result, else a text */
} plim_message;

/** The most that stands before error and body. */
enum { PLIM_MESSAGE_HEAD_BYTES_MAX = 40 };

/**
 * @brief         Writes what stands before error and body; those two follow it, in this order.
 * @param[in]     message   not NULL.
 * @param[out]    out_head  PLIM_MESSAGE_HEAD_BYTES_MAX bytes.
 * @param[out]    out_len   how many of them; set only on PLIM_OK.
 * @param[in,out] err       may be NULL.
 * @retval PLIM_ERR_USAGE  an unknown kind, flags or versions of more than 16 bits.
 * @retval PLIM_ERR_LIMIT  error and body are more than any receiver takes (16 MiB).
 * @note          Threads: any. Signals: safe where err is NULL.
 */
PLIM_API PLIM_NODISCARD plim_status plim_message_head(const plim_message *message,
                                                      unsigned char *out_head, size_t *out_len,
                                                      plim_error *err);

/**
 * @brief         Writes the whole message.
 * @param[in]     message  not NULL.
 * @param[out]    out      cap bytes; not NULL.
 * @param[in]     cap      bytes at out.
 * @param[out]    out_len  how many were written; set only on PLIM_OK.
 * @param[in,out] err      may be NULL.
 * @retval PLIM_ERR_NO_SPACE  it needs more than cap.
 * @retval PLIM_ERR_USAGE, PLIM_ERR_LIMIT  as plim_message_head().
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_message_write(const plim_message *message, void *out,
                                                       size_t cap, size_t *out_len,
                                                       plim_error *err);

/** Bytes to messages; ended by plim_message_reader_destroy(). */
typedef struct plim_message_reader plim_message_reader;

/**
 * @brief         A decoder at the beginning of a stream.
 * @param[in]     allocator    NULL: the system's; borrowed until destroy.
 * @param[in]     payload_max  bytes of a message that are taken; 0: the default; at most 16 MiB.
 * @param[out]    out_decoder  set only on PLIM_OK.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_USAGE      payload_max is above 16 MiB.
 * @retval PLIM_ERR_NO_MEMORY  as it says.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_message_reader_create(const plim_allocator *allocator,
                                                               uint32_t payload_max,
                                                               plim_message_reader **out_decoder,
                                                               plim_error *err);

/**
 * @brief         Takes bytes up to the end of the next message.
 * @param[in]     decoder      not NULL.
 * @param[in]     data         len bytes; may be NULL where len is 0.
 * @param[in]     len          any.
 * @param[out]    out_used     how many were taken; the rest belongs to the next call.
 * @param[out]    out_is_whole whether a message is there; false: all was taken, more is needed.
 * @param[out]    out_message  where it is there: it points into data or into the decoder, and is
 *                             valid until the next call for this decoder and while data stands.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_PROTOCOL   no such message, or one that must be understood and is not.
 * @retval PLIM_ERR_LIMIT      longer than payload_max.
 * @retval PLIM_ERR_NO_MEMORY  for a message in pieces. After any failure all later calls fail.
 * @note          Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_message_reader_take(plim_message_reader *decoder,
                                                             const void *data, size_t len,
                                                             size_t *out_used, bool *out_is_whole,
                                                             plim_message *out_message,
                                                             plim_error *err);

/**
 * @brief     Whether the stream could end here: no message is half there.
 * @param[in] decoder  not NULL.
 * @return    false: it was cut.
 * @note      Threads: one at a time.
 */
PLIM_API bool plim_message_reader_is_between(const plim_message_reader *decoder);

/**
 * @brief     How many messages of unknown kinds were skipped.
 * @param[in] decoder  not NULL.
 * @return    the count.
 * @note      Threads: one at a time.
 */
PLIM_API uint64_t plim_message_reader_skipped(const plim_message_reader *decoder);

/**
 * @brief         Ends it; @p *decoder is NULL afterwards.
 * @param[in,out] decoder  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_message_reader_destroy(plim_message_reader **decoder);

/** A connection on which one thread waits; ended by plim_channel_close(). */
typedef struct plim_channel plim_channel;

/** All zero is the default, but for struct_bytes. */
typedef struct plim_channel_options {
    uint32_t struct_bytes;           /**< sizeof(plim_channel_options) */
    uint32_t payload_max;            /**< bytes of a message that are taken; 0: the default */
    uint32_t capabilities;           /**< PLIM_CHANNEL_CAN_…, said in HELLO */
    const char *name;                /**< said in HELLO; NULL: none */
    uint64_t open_timeout_ns;        /**< to connect and be greeted; 0: 5 s */
    const plim_allocator *allocator; /**< NULL: the system's */
} plim_channel_options;

/**
 * @brief         Connects, says HELLO and hears the other's.
 * @param[in]     address      "unix:/path", "HOST:PORT" or "[ADDRESS]:PORT"; not NULL.
 * @param[in]     options      NULL: defaults.
 * @param[out]    out_channel  set only on PLIM_OK; ended by plim_channel_close().
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_USAGE        no such address.
 * @retval PLIM_ERR_UNREACHABLE  nobody listens there.
 * @retval PLIM_ERR_TIMEOUT      no greeting in time.
 * @retval PLIM_ERR_PROTOCOL     it greets in another way, or in no version that is spoken here.
 * @retval PLIM_ERR_NO_MEMORY    as it says.
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_channel_open(const char *address,
                                                      const plim_channel_options *options,
                                                      plim_channel **out_channel, plim_error *err);

/**
 * @brief         The same over a socket that is connected already.
 * @param[in]     descriptor   a stream socket; the channel's from now on, on PLIM_OK only.
 * @param[in]     options      NULL: defaults.
 * @param[out]    out_channel  set only on PLIM_OK.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_USAGE  it is no socket; the rest as plim_channel_open().
 * @note          Threads: any.
 */
PLIM_API PLIM_NODISCARD plim_status plim_channel_adopt(int descriptor,
                                                       const plim_channel_options *options,
                                                       plim_channel **out_channel, plim_error *err);

/**
 * @brief         Sends one message, all of it.
 * @param[in]     channel     not NULL.
 * @param[in]     message     not NULL.
 * @param[in]     timeout_ns  for the other side to take it; UINT64_MAX: for ever.
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_LIMIT     more than the other side takes; nothing was sent.
 * @retval PLIM_ERR_TIMEOUT   the other side does not read; the connection is of no more use.
 * @retval PLIM_ERR_GONE      it has ended.
 * @retval PLIM_ERR_USAGE     as plim_message_head().
 * @note          Threads: one at a time. No SIGPIPE is raised.
 */
PLIM_API PLIM_NODISCARD plim_status plim_channel_send(plim_channel *channel,
                                                      const plim_message *message,
                                                      uint64_t timeout_ns, plim_error *err);

/**
 * @brief         Waits for the next message.
 * @param[in]     channel      not NULL.
 * @param[in]     timeout_ns   0: what is there already; UINT64_MAX: for ever.
 * @param[out]    out_message  valid until the next call for this channel; set only on PLIM_OK.
 * @param[in,out] err          may be NULL.
 * @retval PLIM_ERR_TIMEOUT      none came; the next call goes on where this one stopped.
 * @retval PLIM_ERR_INTERRUPTED  a signal was handled meanwhile; as TIMEOUT.
 * @retval PLIM_ERR_GONE         the other side has ended.
 * @retval PLIM_ERR_TRUNCATED    it has ended in the middle of a message.
 * @retval PLIM_ERR_PROTOCOL, PLIM_ERR_LIMIT, PLIM_ERR_NO_MEMORY  as plim_message_reader_take().
 * @note          Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_channel_receive(plim_channel *channel, uint64_t timeout_ns,
                                                         plim_message *out_message,
                                                         plim_error *err);

/**
 * @brief         Sends a request and waits for its answer; what else comes meanwhile is dropped.
 * @param[in]     channel     not NULL.
 * @param[in]     code        bytes of it; may be NULL where bytes is 0.
 * @param[in]     bytes       as many.
 * @param[in]     flags       of PLIM_MESSAGE_…
 * @param[in]     timeout_ns  in all; UINT64_MAX: for ever.
 * @param[out]    out_answer  status, error and body; as plim_channel_receive().
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_TIMEOUT, PLIM_ERR_INTERRUPTED  no answer came, or a signal did; it is cancelled.
 *                            The rest as send and receive.
 * @note          Threads: one at a time.
 */
PLIM_API PLIM_NODISCARD plim_status plim_channel_call(plim_channel *channel, const void *code,
                                                      uint32_t bytes, uint32_t flags,
                                                      uint64_t timeout_ns, plim_message *out_answer,
                                                      plim_error *err);

/**
 * @brief     The other side's HELLO.
 * @param[in] channel  not NULL.
 * @return    borrowed; without its name.
 * @note      Threads: any.
 */
PLIM_API const plim_message *plim_channel_peer(const plim_channel *channel);

/**
 * @brief     Its descriptor, for poll(2) beside others.
 * @param[in] channel  not NULL.
 * @return    still the channel's. A message may be there although it is not readable:
 *            receive with a timeout of 0 until TIMEOUT first.
 * @note      Threads: any.
 */
PLIM_API int plim_channel_descriptor(const plim_channel *channel);

/**
 * @brief         Hangs up; @p *channel is NULL afterwards.
 * @param[in,out] channel  NULL and a pointer to NULL are accepted.
 * @note          Threads: the last user's.
 */
PLIM_API void plim_channel_close(plim_channel **channel);

PLIM_DECLS_END
#endif
