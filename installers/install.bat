@echo off
rem Finds a Python that can run the installer beside this file. All options go to it.
setlocal
set PYTHON=
for %%P in ("py -3" "python" "python3") do (
    if not defined PYTHON (
        %%~P -c "import sys; sys.exit(sys.version_info < (3, 9))" >nul 2>&1 && set "PYTHON=%%~P"
    )
)
if not defined PYTHON (
    echo install: There is no Python 3.9 or newer. 1>&2
    echo   Install Python 3.10 or newer from python.org, and run this again. 1>&2
    exit /b 2
)
%PYTHON% "%~dp0install.py" %*
exit /b %ERRORLEVEL%
