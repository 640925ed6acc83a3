"""Answers as the service gave them: recorded on the wire, or printed in its documentation.

Literal copies; the account's number is replaced.
"""

from __future__ import annotations

from typing import Final

TASK: Final = "e730dcfe4e5d59332daf52c08a960085"

GENERATE: Final = (
    b'{"code":200,"msg":"success","data":{"taskId":"e730dcfe4e5d59332daf52c08a960085"}}'
)
UNAUTHORIZED: Final = (
    '{"code":401,"msg":"Unauthorized – Authentication failed. Please check that your '  # noqa: RUF001 - as recorded
    'Authorization and Content-Type headers are correctly set."}'
).encode()
FIELD_REQUIRED: Final = b'{"code":500,"msg":"This field is required","data":null}'
CREDIT: Final = b'{"code":200,"msg":"success","data":5916.25}'
WRONG_URL: Final = b'{"code":422,"msg":"url is wrong","data":null}'
NO_RECORD: Final = b'{"code":422,"msg":"The record does not exist","data":null}'
NO_CREDITS: Final = (
    b'{"code":402,"msg":"Credits insufficient : Your current balance isn\'t enough to run this '
    b'request. Please top up to continue.","data":null}'
)
TOO_OFTEN: Final = (
    b'{"code":429,"msg":"Your call frequency is too high. Please try again later.","data":null}'
)
DOCUMENTED_SUCCESS: Final = (
    rb'{"code":200,"msg":"success","data":{"taskId":"task12345","paramJson":"{\"prompt\":\"A '
    rb'serene mountain landscape\",\"aspectRatio\":\"16:9\"}","completeTime":'
    rb'"2024-03-20T10:30:00Z","response":{"originImageUrl":"https://example.com/original.jpg",'
    rb'"resultImageUrl":"https://example.com/result.jpg"},"successFlag":1,"errorCode":null,'
    rb'"errorMessage":"","createTime":"2024-03-20T10:25:00Z"}}'
)
ORIGIN_NULL: Final = (
    b'{"code":200,"msg":"success","data":{"taskId":"...","response":{"originImageUrl":null,'
    b'"resultImageUrl":"https://example.com/result.jpg"},"successFlag":1,"errorCode":null,'
    b'"errorMessage":null}}'
)
_SISTER: Final = (
    rb'{"code":200,"msg":"success","data":{"taskId":"c0d088df35254cc3e7187fb7116b2efa",'
    rb'"paramJson":"{\"inputImage\":\"https://tempfile.redpandaai.co/kieai/10001/images/'
    rb"1787093498568-wd60liaaio8.png\",\"uploadCn\":false,\"prompt\":\"Turn the photo into a "
    rb'hand-painted watercolour.\"}","response":null,'
)
GENERATING: Final = _SISTER + (
    rb'"completeTime":null,"createTime":1787093500000,"successFlag":0,"errorCode":null,'
    rb'"errorMessage":null}}'
)
FAILED: Final = _SISTER + (
    rb'"completeTime":1787093516000,"createTime":1787093500000,"successFlag":3,"errorCode":500,'
    rb'"errorMessage":"internal error, please try again later."}}'
)
UPLOADED: Final = (
    b'{"success":true,"code":200,"msg":"File uploaded successfully","data":{"success":true,'
    b'"fileName":"1777534514383-w5dsj9ctw1.jpg","filePath":"kieai/10001/images/test-uploads/'
    b'1777534514383-w5dsj9ctw1.jpg","downloadUrl":"https://tempfile.redpandaai.co/kieai/10001/'
    b'images/test-uploads/1777534514383-w5dsj9ctw1.jpg","fileSize":83558,"mimeType":"image/jpeg",'
    b'"uploadedAt":"2026-04-30T07:35:14.654Z"}}'
)
UPLOAD_REFUSED: Final = (
    b'{"success":false,"code":400,"msg":"Missing required parameter: fileUrl (file download URL)"}'
)
