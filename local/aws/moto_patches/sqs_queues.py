"""SQS: no lost and no duplicate messages.

moto replaces and iterates over the list of messages of a queue without the lock
that SendMessage takes: a message could be lost, be received twice, or stay in the
queue although it was moved to the dead-letter queue.
"""

import time

from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import Queue, SQSBackend

POLL = 0.2  # seconds after which a waiting receiver checks for messages that became visible


def apply():
    """Takes the lock of the queue for every operation."""
    moto_receive = SQSBackend.receive_message
    moto_change = SQSBackend.change_message_visibility

    def receive_message(self, queue_name, count, wait_seconds_timeout, visibility_timeout, message_attribute_names=None):
        queue = self.get_queue(queue_name)
        end = time.monotonic() + (wait_seconds_timeout or 0)
        while True:
            with queue._messages_lock:
                found = moto_receive(self, queue_name, count, 0, visibility_timeout, message_attribute_names)
            left = end - time.monotonic()
            if found or left <= 0:
                return found
            queue.wait_for_messages(min(left, POLL))

    def change_message_visibility(self, queue_name, receipt_handle, visibility_timeout):
        with self.get_queue(queue_name)._messages_lock:
            moto_change(self, queue_name, receipt_handle, visibility_timeout)

    Queue.delete_message = delete_message
    SQSBackend.receive_message = receive_message
    SQSBackend.change_message_visibility = change_message_visibility


def delete_message(queue, receipt_handle):
    """Deletes one message without copying all others, as moto does."""
    with queue._messages_lock:
        if receipt_handle in queue.deleted_messages:
            return
        for index, message in enumerate(queue._messages):
            if message.had_receipt_handle(receipt_handle):
                del queue._messages[index]
                queue.pending_messages.discard(message)
                queue.deleted_messages.update(message.all_receipt_handles)
                return
    raise ReceiptHandleIsInvalid()
